"""The error of a wrong configuration, for modules that check none."""

# The field of an error that concerns the file as a whole.
WHOLE_FILE = "(file)"


class ConfigError(Exception):
    """A wrong configuration: one sentence for people.

    Args:
        field: the field's name, with the names of the objects around it before a dot each; or
            WHOLE_FILE.
        rule: the rest of the sentence, which begins with the field.
    """

    def __init__(self, field: str, rule: str) -> None:
        subject = "file" if field == WHOLE_FILE else "field '%s'" % field
        super().__init__("configuration %s %s" % (subject, rule))
        self.field = field
        self.rule = rule
