"""What all bodies of the reservations API have in common."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Body(BaseModel):
    """A body, or a part of one: camel case in JSON, and read under no other name."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True, defer_build=True)
