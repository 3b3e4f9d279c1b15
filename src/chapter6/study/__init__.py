"""From what authors write (YAML) to what is run: specs, plans and the name of every file."""
