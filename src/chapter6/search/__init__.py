"""Search over hyper-parameters: spaces and strategies. It proposes points; jobs train them."""
