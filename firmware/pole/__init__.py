"""The pole: measures energy, holds the contactor, is paid."""
