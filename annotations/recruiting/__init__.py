"""How people come to a study and go back: links, signed tokens, what a link that fails says, and forgetting who they were."""
