"""The explanation of binary cross-entropy: one page of pictures, for points on a line or for any predictions.

>>> import logloss
>>> logloss.explain([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1]).to_html().count("<svg")
15

`lesson` holds the numbers, `point_pictures` and `kl_pictures` draw them with `marks`, `points_page`, `groups_page` and
`sections` say what to see, `slider` makes the sliders, `ten_points` is the lesson of `logloss demo`.
"""
