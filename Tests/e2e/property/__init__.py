"""Model-based testing of conversations: random clients, and an oracle that knows the upstream's sessions better than the gateway."""
