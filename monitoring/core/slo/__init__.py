"""Service levels: indicators, error budgets, burn rates."""
