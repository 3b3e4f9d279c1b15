"""What every registered member of a family must do; a new class is tested because it is registered."""
