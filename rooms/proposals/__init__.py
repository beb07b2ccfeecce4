"""Terms proposed for a talk's glossary, from its words in the programme and from slides or a script: read in a process that is killed if it must be."""
