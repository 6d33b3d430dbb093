"""Tables of the properties that matter, by what they are of. Source: MS-OXPROPS and the class's own specification."""
