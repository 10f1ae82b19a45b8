"""What a study found: from judgments to counts, intervals, tests, figures and sentences."""
