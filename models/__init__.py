"""Estimators behind the loop: embeddings, neighbours, calibrated confidence, error budgets, and the model registry."""
