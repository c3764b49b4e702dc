"""Plays a round over gRPC, as a game would that has only the node's address and a key.

Everything it knows of the service it learns from the reflection service.
"""

import sys
import uuid

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from grpc_status import rpc_status
from google.rpc import error_details_pb2

SERVICE = "wallet.v1.WalletService"


class Stub:
    """The service's methods, made of its descriptor."""

    def __init__(self, channel, key):
        database = ProtoReflectionDescriptorDatabase(channel)
        assert SERVICE in database.get_services(), database.get_services()
        self.pool = DescriptorPool(database)
        for method in self.pool.FindServiceByName(SERVICE).methods:
            kind = channel.unary_stream if method.server_streaming else channel.unary_unary
            call = kind(
                f"/{SERVICE}/{method.name}",
                request_serializer=GetMessageClass(method.input_type).SerializeToString,
                response_deserializer=GetMessageClass(method.output_type).FromString,
            )
            message = GetMessageClass(method.input_type)
            setattr(self, method.name, self.method(call, message, key))

    @staticmethod
    def method(call, message, key):
        def ask(key=key, timeout=5, **fields):
            return call(
                message(**fields), timeout=timeout, metadata=[("authorization", f"Bearer {key}")]
            )

        return ask

    def number(self, enum, name):
        return self.pool.FindEnumTypeByName(f"wallet.v1.{enum}").values_by_name[name].number


def refused(ask):
    """The status and the details of a call that has to be refused."""
    try:
        ask()
    except grpc.RpcError as error:
        details = {}
        for packed in rpc_status.from_call(error).details:
            for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest):
                if packed.Is(kind.DESCRIPTOR):
                    unpacked = kind()
                    packed.Unpack(unpacked)
                    details[kind.DESCRIPTOR.name] = unpacked
        return error.code(), details
    raise AssertionError("it was not refused")


def play(stub):
    player = stub.Authenticate(session_token="token")
    assert (player.player_id, player.balance_micros) == ("ann", 100_000_000), player
    bet, win, round_id = (str(uuid.uuid4()) for _ in range(3))
    command = {
        "player_id": "ann",
        "currency": "EUR",
        "session_token": "token",
        "round_id": round_id,
        "movements": [
            {"tx_id": bet, "debit": {"amount_micros": 1_000_000}},
            {"tx_id": win, "credit": {"amount_micros": 2_500_000}},
        ],
    }
    applied = stub.number("Outcome", "OUTCOME_APPLIED")
    replayed = stub.number("Outcome", "OUTCOME_REPLAYED")
    first = stub.Execute(**command)
    assert [result.outcome for result in first.results] == [applied, applied], first
    again = stub.Execute(**command)
    assert [result.outcome for result in again.results] == [replayed, replayed], again
    assert again.player.balance_micros == 101_500_000, again
    batch = stub.BatchExecute(commands=[command, {**command, "player_id": "nobody"}])
    assert batch.results[0].response.results[0].outcome == replayed, batch
    assert batch.results[1].error.reason == "PLAYER_UNKNOWN", batch
    seen = [transaction.tx_id for transaction in stub.StreamTransactions(player_id="ann")]
    assert seen == [bet, win], seen
    assert stub.Balance(player_id="ann").balance_micros == 101_500_000


def main(address, key):
    with grpc.insecure_channel(address) as channel:
        stub = Stub(channel, key)
        play(stub)
        code, details = refused(lambda: stub.Balance(key="wrong", player_id="ann"))
        assert code == grpc.StatusCode.UNAUTHENTICATED, code
        assert details["ErrorInfo"].reason == "BAD_SIGNATURE", details
        code, details = refused(lambda: stub.Execute(player_id="", currency="EUR"))
        assert code == grpc.StatusCode.INVALID_ARGUMENT, code
        fields = [violation.field for violation in details["BadRequest"].field_violations]
        assert fields == ["player_id", "movements"], fields


if __name__ == "__main__":
    main(*sys.argv[1:])
