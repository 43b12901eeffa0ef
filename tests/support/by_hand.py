"""What `FineTuneJob.create` asks of a provider, asked by hand: uploads, and creations without a look before."""

from langsmith_finetune.providers.preparation import prepared_files
from langsmith_finetune.testing import ProviderContract

make = ProviderContract().job_request


def created(provider, request, *, attempt=1):
    return ProviderContract().create(lambda: provider, request, attempt=attempt)


def uploaded(provider, request, *, memory=None, told=lambda _sent, _size: None):
    memory = {} if memory is None else memory
    with prepared_files(provider, request) as files:
        return [provider.upload(file, memory=memory, on_progress=told) for file in files]
