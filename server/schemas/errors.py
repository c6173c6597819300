"""OpenAI's error format, which every error of the API has."""

from pydantic import BaseModel, ConfigDict, Field


class ErrorDetail(BaseModel):
    """What went wrong, and where in the request."""

    message: str = Field(description="Human-readable: what went wrong and what to do.")
    type: str = Field(description="The error type, such as `invalid_request_error`.")
    param: str | None = Field(
        None, description="The request field at fault, such as `messages.0.content`."
    )
    code: str | None = Field(None, description="Machine-readable, such as `model_not_found`.")


class Error(BaseModel):
    """The body of every response with a status of 400 or above."""

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
