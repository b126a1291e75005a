"""Errors that a person can read. Each message is one sentence that says what to do; the log has the traceback.

GlimpseError
    InputError              what was sent cannot be used
        EmptyMessage
        UnsupportedMedia
        MediaTooLarge
        ContextOverflow
        UnknownConversation
    ReadingFailed           the text on an image cannot be read
    ModelError              the model cannot be had or cannot run
        ModelNotFound
        ModelGated
        NoNetwork
        OutOfMemory
        ModelFailed
    EngineError             the engine cannot answer now
        QueueFull
        EngineUnavailable
    SettingsError           the command line or the environment is wrong
    StorageError            the disk is full or cannot be written
"""


class GlimpseError(Exception):
    """Root of every error whose text is shown to a person as it stands."""


class InputError(GlimpseError):
    """What was sent cannot be used."""


class EmptyMessage(InputError):
    """A message without text and without files."""


class UnsupportedMedia(InputError):
    """A file that is broken, of a kind we do not read, or of a kind that the model does not see."""


class MediaTooLarge(InputError):
    """A file past a limit on bytes, pixels or duration."""


class ContextOverflow(InputError):
    """A turn that cannot fit into the model's context even alone."""


class UnknownConversation(InputError):
    """A conversation that does not exist or belongs to somebody else."""


class ReadingFailed(GlimpseError):
    """The text on an image cannot be read; the answer goes on without it."""


class ModelError(GlimpseError):
    """The model cannot be had or cannot run."""


class ModelNotFound(ModelError):
    """No such model id or folder, or not a model that reads images and text."""


class ModelGated(ModelError):
    """The model asks for a licence to be accepted and a token."""


class NoNetwork(ModelError):
    """The model is not on this machine and cannot be fetched."""


class OutOfMemory(ModelError):
    """Not enough memory to load the model or to answer this request."""


class ModelFailed(ModelError):
    """The model raised while loading or answering."""


class EngineError(GlimpseError):
    """The engine cannot answer now."""


class QueueFull(EngineError):
    """Too many requests wait already."""


class EngineUnavailable(EngineError):
    """The engine's process died or is shut down."""


class SettingsError(GlimpseError):
    """The command line or the environment is wrong."""


class StorageError(GlimpseError):
    """The disk is full or cannot be written."""
