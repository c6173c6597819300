"""OpenAI's error format, which every error of the API has."""

from pydantic import BaseModel, ConfigDict, Field

BODY_CODES = (
    "missing_required_parameter", "unknown_parameter", "unsupported_parameter",
    "unsupported_value", "invalid_parameter_combination", "invalid_type", "invalid_value",
    "integer_below_min_value", "integer_above_max_value", "decimal_below_min_value",
    "decimal_above_max_value", "string_below_min_length", "string_above_max_length",
    "array_below_min_length", "array_above_max_length", "object_below_min_properties",
    "object_above_max_properties", "property_name_above_max_length", "context_length_exceeded",
    "model_not_found", "previous_response_not_found",
)  # fmt: skip


class ErrorDetail(BaseModel):
    """What went wrong, and where in the request."""

    message: str = Field(description="Human-readable: what went wrong and what to do.")
    type: str = Field(description="The error type, such as `invalid_request_error`.")
    param: str | None = Field(
        None, description="The request field at fault, such as `messages[0].content`."
    )
    code: str | None = Field(
        None,
        description="Machine-readable; null where OpenAI sends none. For the body: "
        + ", ".join(f"`{code}`" for code in BODY_CODES)
        + ".",
        examples=["model_not_found"],
    )


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
                        "code": "decimal_above_max_value",
                    }
                }
            ]
        }
    )

    error: ErrorDetail
