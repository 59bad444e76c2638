"""Endpoints that speak the fine-tuning API: the protocol that stages know, and the vendors."""
