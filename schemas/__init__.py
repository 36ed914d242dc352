"""What crosses a boundary: Arrow schemas and small frozen records. Imports nothing of ours.

The only room that spells column names.
"""
