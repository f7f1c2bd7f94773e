"""The three families of errors, and one class with one message template per mistake.

`SpecError`      the author of a spec or of a tile program is wrong (carries file and line, and a hint).
`ArgumentError`  the caller of an operation is wrong; a `ValueError` naming argument, expected and actual.
`Unsupported`    the arguments are fine, but this implementation or device cannot; a `NotImplementedError`.
"""

from __future__ import annotations

from typing import ClassVar


class SpecError(Exception):
    """A spec or a tile program is malformed.

    Args:
        message: the problem.
        where: `file:line` in the author's source, when known.
        hint: what to write instead.
    """

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        self.where, self.hint = where, hint
        super().__init__((f"{where}: " if where else "") + message + (f" (hint: {hint})" if hint else ""))


class Unfit(SpecError):
    """A sampler has no test data for these sizes and attributes: no valid call combines them."""


class ArgumentError(ValueError):
    """A call is refused before anything runs; every buffer is untouched.

    Args:
        op: name of the operation that was called.
        argument: name of the offending argument.
        expected: what the spec asks for, symbolic where the spec is symbolic.
        actual: what was passed.
    """

    template: ClassVar[str] = "{op}: argument '{argument}': expected {expected}, got {actual}"

    def __init__(self, *, op: str, argument: str, expected: object, actual: object) -> None:
        self.op, self.argument, self.expected, self.actual = op, argument, str(expected), str(actual)
        super().__init__(self.template.format(op=op, argument=argument, expected=expected, actual=actual))


class WrongType(ArgumentError):
    """Not an array of the framework, or an attribute of another Python type."""

    template = "{op}: argument '{argument}' must be {expected}, got {actual}"


class WrongRank(ArgumentError):
    """The number of dimensions differs from every shape the spec accepts."""

    template = "{op}: argument '{argument}' has the wrong rank: expected {expected}, got {actual}"


class WrongShape(ArgumentError):
    """A dimension differs from the size that the other arguments or attributes fix."""

    template = "{op}: argument '{argument}' has the wrong shape: expected {expected}, got {actual}"


class WrongFormat(ArgumentError):
    """The element format is none of those the spec lists."""

    template = "{op}: argument '{argument}' has the wrong element format: expected {expected}, got {actual}"


class WrongStride(ArgumentError):
    """Strides that the kernels cannot address, such as a last dimension that is not contiguous."""

    template = "{op}: argument '{argument}' has unusable strides: expected {expected}, got {actual}"


class WrongDevice(ArgumentError):
    """The arrays of one call do not live on one device."""

    template = "{op}: argument '{argument}' is on the wrong device: expected {expected}, got {actual}"


class OutOfRange(ArgumentError):
    """An attribute or an axis outside its declared range."""

    template = "{op}: '{argument}' is out of range: expected {expected}, got {actual}"


class NotAChoice(ArgumentError):
    """An attribute that takes one of a few values took another."""

    template = "{op}: attribute '{argument}' must be one of {expected}, got {actual}"


class Missing(ArgumentError):
    """An argument that this mode of the operation needs was not given."""

    template = "{op}: argument '{argument}' is missing: expected {expected}, got {actual}"


class Surplus(ArgumentError):
    """An argument was given that this mode of the operation does not take."""

    template = "{op}: argument '{argument}' must be left out: expected {expected}, got {actual}"


class Aliased(ArgumentError):
    """A result would be written over an argument or another result."""

    template = "{op}: argument '{argument}' shares memory: expected {expected}, got {actual}"


class ConstraintViolated(ArgumentError):
    """A declared constraint is violated; `expected` is its message.

    Args:
        told: the whole sentence, where the constraint has one of its own.
    """

    template = "{op}: '{argument}': {expected}, got {actual}"

    def __init__(self, *, op: str, argument: str, expected: object, actual: object, told: str | None = None) -> None:
        super().__init__(op=op, argument=argument, expected=expected, actual=actual)
        self.told = told
        if told is not None:
            self.args = (f"{op}: '{argument}': {told}",)


class Unsupported(NotImplementedError):
    """This implementation or device cannot run the call, though the arguments are right.

    Args:
        what: the operation or feature.
        reasons: implementation name -> why it is not available, in order of preference.
    """

    def __init__(self, what: str, reasons: dict[str, str] | str) -> None:
        self.what = what
        self.reasons = {"": reasons} if isinstance(reasons, str) else dict(reasons)
        lines = [f"{name}: {why}" if name else why for name, why in self.reasons.items()]
        super().__init__(f"{what} is not supported here: " + "; ".join(lines))
