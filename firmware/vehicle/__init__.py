"""The vehicle: it checks offers, audits invoices with its own meter, and pays from its wallet."""
