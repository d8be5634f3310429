"""How fast a catalogue is judged, beside the bare expressions, pandera and Great Expectations."""
