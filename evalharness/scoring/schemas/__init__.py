"""JSON Schema for answers: draft-04 to 2020-12, with every keyword checked or refused."""
