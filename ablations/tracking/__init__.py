"""From finished runs to MLflow, through an outbox that survives a store that is down.

The only writer to MLflow. It reads back which runs are stored, and never their numbers.
"""
