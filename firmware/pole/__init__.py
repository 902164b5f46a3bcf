"""The pole: measures energy, holds the relay, is paid."""
