"""`/models`: the bases, and the fine-tuned models and checkpoints of jobs that succeeded."""

from itertools import chain

from reconciler.sandbox.bases import BASES, ORGANIZATION_ID, Base
from reconciler.sandbox.call import Call, Json
from reconciler.sandbox.errors import ApiError
from reconciler.sandbox.state import TunedModel


def list_models(call: Call) -> Json:
    """`GET /models`: all of them, on one page, as OpenAI does."""
    models = chain[Base | TunedModel](BASES, call.sandbox.tuned_models(call.now))
    return {"object": "list", "data": [_model_object(model) for model in models]}


def retrieve_model(call: Call) -> Json:
    """`GET /models/{model}`; an alias is answered as its snapshot."""
    return _model_object(call.sandbox.model(call.path["model"], call.now))


def delete_model(call: Call) -> Json:
    """`DELETE /models/{model}`: a fine-tuned one; its job goes on saying that it succeeded."""
    model = call.sandbox.model(call.path["model"], call.now)
    if isinstance(model, Base):
        raise ApiError(
            403,
            f"You have insufficient permissions to delete the model {model.name}.",
            code="insufficient_permissions",
        )
    call.sandbox.store.delete_model(model.name)
    return {"id": model.name, "object": "model", "deleted": True}


def _model_object(model: Base | TunedModel) -> Json:
    if isinstance(model, Base):
        name, created, owner = model.name, model.created, "system"
    else:
        created, owner = int(model.progress.phases[-1].since), ORGANIZATION_ID
        name = model.name
    return {
        "id": name,
        "object": "model",
        "created": created,
        "owned_by": owner,
        "shutdown_date": None,
    }
