"""A summary becomes estimates: losses and their intervals, the parts of the loss, groups, the calibration line."""
