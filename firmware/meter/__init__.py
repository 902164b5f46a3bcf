"""Electricity meters: drivers, the estimate between two readings, and the watch over both."""
