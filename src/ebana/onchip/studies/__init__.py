"""Studies of circuits that train themselves: each measures one question, and leaves a table and a picture."""
