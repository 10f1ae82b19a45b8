"""What a participant goes through, from consent to debrief: the moves, the pages, the assignment of answers, live answers."""
