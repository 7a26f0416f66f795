"""What test scores allow to say: variances, intervals, the verdict."""
