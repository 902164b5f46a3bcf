"""The vehicle: audits what it is asked to pay, holds the wallet, pays."""
