"""Streams a talk to `manage.py speech_server` and prints what is confirmed: python speech_grpc.py TALK [HOST:PORT] [SPEED].

Needs grpcio, grpcio-reflection, av. The messages come from the server's own reflection.
"""

import sys
import time

import av
import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

talk, target, speed = (*sys.argv[1:], *("", "127.0.0.1:50051", "1")[len(sys.argv) - 1 :])
channel = grpc.insecure_channel(target)
pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
Request = GetMessageClass(pool.FindMessageTypeByName("speech.StreamingRecognizeRequest"))
Response = GetMessageClass(pool.FindMessageTypeByName("speech.StreamingRecognizeResponse"))


def requests():
    yield Request(config={"chunk_duration_millis": 500, "encoding": "AUDIO_ENCODING_PCM_S16LE"})
    resampler = av.AudioResampler(format="s16", layout="mono", rate=16000, frame_size=8000)
    began = time.monotonic()
    with av.open(talk) as opened:
        frames = (each for frame in [*opened.decode(audio=0), None] for each in resampler.resample(frame))
        for number, frame in enumerate(frames, start=1):
            time.sleep(max(0, began + number * 0.5 / float(speed) - time.monotonic()))
            yield Request(audio_chunk={"audio_bytes": frame.to_ndarray().tobytes()})


call = channel.stream_stream(
    "/speech.SpeechToText/StreamingRecognize", Request.SerializeToString, Response.FromString
)
for response in call(requests()):
    print(response.confirmed.text, end="", flush=True)
