"""Where runs are trained: in this process (`inline`) or in a pool of warm workers (`local`).

An executor is given jobs in order, does each exactly once, and tells what happens as it happens.
"""
