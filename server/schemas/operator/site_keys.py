"""Site keys, as operators make and list them."""

from pydantic import Field

from server.schemas.account import KeyItem, Title
from server.schemas.text import Body
from tutelage.people.site_keys import SiteRules


class SiteKeyItem(KeyItem):
    """A key for web pages of other sites, without its secret."""

    site: SiteRules
    visitors: int = Field(description="Who has written with it.")
    prompts_today: int


class SiteKeyRequest(Body):
    """A new site key."""

    name: Title
    site: SiteRules
    training: bool = Field(
        False, description="Whether chats of visitors who agree may be used for training."
    )


class NewSiteKey(SiteKeyItem):
    """A site key that was just created."""

    secret: str = Field(description="Shown only once. It goes into the page, so it is public.")
