"""Counts become nats: estimators, nulls, error bars."""
