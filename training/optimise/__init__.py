"""The methods that improve a policy by what people judged, behind one interface."""
