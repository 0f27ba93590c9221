"""Every rule about what may be in a table, applied to one run of rows at a time. `Block.of` follows this order.

reading.py          a column as numbers, and how a fault is worded
weights.py          weights and counts, which decide whether a row is one at all; offsets
missing_values.py   which rows take part
labels.py           what happened
forecasts.py        what was predicted
feature_values.py   what a model is trained on, or predicts from
"""
