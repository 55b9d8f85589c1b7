"""What `.resource` of a face is: status, warm, stop, destroy, pin, logs; and `warm` for chains."""
