"""OpenAI's error shape, which every failure of the API has."""

from pydantic import BaseModel, ConfigDict, Field


class ErrorDetail(BaseModel):
    """What went wrong, and where."""

    message: str = Field(description="A sentence for people: what went wrong and what to do.")
    type: str = Field(description="The family, such as `invalid_request_error`.")
    param: str | None = Field(None, description="The request field at fault, `messages.0.content`.")
    code: str | None = Field(None, description="For programs, such as `model_not_found`.")


class Error(BaseModel):
    """The body of every answer whose status is 400 or above."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "error": {
                        "message": "Invalid 'temperature': Input should be less than or equal to 2",
                        "type": "invalid_request_error",
                        "param": "temperature",
                        "code": "invalid_value",
                    }
                }
            ]
        }
    )

    error: ErrorDetail
