"""What every section of a site's files is made of: no unknown key, and the shapes of ids, topics and codes."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
PointId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}\.[a-z][a-z0-9_]{0,31}$")]
Port = Annotated[int, Field(ge=1, le=65535)]
TopicPrefix = Annotated[str, Field(pattern=r"^[^+#/][^+#]{0,199}$")]
PlaceTopic = Annotated[str, Field(pattern=r"^(?:[^+#/]+/)*\+(?:/[^+#/]+)*$")]
EnergyCode = Annotated[str, Field(pattern=r"^[0-9]{2}[0-9A-Z]{3}$")]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
