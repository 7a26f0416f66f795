"""Networks of which every layer is trained; import `classifier.EndToEnd`."""
