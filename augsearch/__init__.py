"""How many synthetic images should be added, and does it help at all?"""
