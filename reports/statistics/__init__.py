"""Statistics of small paired studies: a leaf that knows numpy, scipy and statsmodels only.

Every function takes arrays whose shape it states and returns plain floats. Degenerate input (one
value, no spread) has a stated answer; a number that does not exist is `None`, never NaN.
"""
