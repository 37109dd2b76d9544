// The border to JavaScript: checks and copies arguments in, results out. What a call means is documented in index.d.ts.

#include <napi.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "info.h"
#include "job.h"
#include "pcr.h"
#include "sealing.h"
#include "turn.h"

namespace tpm2 {

namespace {

std::string textOf(const Napi::Object& request, const char* key) {
  const Napi::Value value = request.Get(key);
  if (!value.IsString()) throw Napi::TypeError::New(request.Env(), std::string(key) + " must be a string");
  return value.As<Napi::String>().Utf8Value();
}

template <typename Container>
Container bytesOf(const Napi::Object& request, const char* key) {
  const Napi::Value value = request.Get(key);
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    throw Napi::TypeError::New(request.Env(), std::string(key) + " must be a Uint8Array");
  }
  const auto array = value.As<Napi::Uint8Array>();
  return Container(array.Data(), array.Data() + array.ByteLength());
}

PcrSelection pcrsOf(const Napi::Object& request) {
  PcrSelection selection;
  selection.bank = static_cast<TPM2_ALG_ID>(request.Get("bank").ToNumber().Uint32Value());
  const auto mask = bytesOf<Bytes>(request, "pcrMask");
  if (mask.size() != selection.mask.size()) throw Napi::TypeError::New(request.Env(), "pcrMask must have 3 bytes");
  std::copy(mask.begin(), mask.end(), selection.mask.begin());
  return selection;
}

template <typename Container>
Napi::Value toBuffer(Napi::Env env, const Container& bytes) {
  return Napi::Buffer<uint8_t>::Copy(env, bytes.data(), bytes.size());
}

Napi::Object requestOf(const Napi::CallbackInfo& info) {
  if (info.Length() != 2 || !info[0].IsObject() || !info[1].IsFunction()) {
    throw Napi::TypeError::New(info.Env(), "expected a request and a callback");
  }
  return info[0].As<Napi::Object>();
}

// Shared by the copies that std::function makes, so that a secret exists once and is wiped once.
template <typename T>
std::shared_ptr<const T> share(T&& value) {
  return std::make_shared<const T>(std::forward<T>(value));
}

Napi::Value sealCall(const Napi::CallbackInfo& info) {
  const Napi::Object in = requestOf(info);
  auto request = share(SealRequest{textOf(in, "tcti"), bytesOf<Bytes>(in, "policy"), bytesOf<SecureBytes>(in, "secret"),
                                   bytesOf<SecureBytes>(in, "auth")});
  return startJob(info.Env(), info[1].As<Napi::Function>(), [request]() -> Deliver {
    return [sealed = seal(*request)](Napi::Env env) -> Napi::Value {
      Napi::Object out = Napi::Object::New(env);
      out["storageKeyName"] = toBuffer(env, sealed.storageKeyName);
      out["publicPart"] = toBuffer(env, sealed.publicPart);
      out["privatePart"] = toBuffer(env, sealed.privatePart);
      return out;
    };
  });
}

Napi::Value unsealCall(const Napi::CallbackInfo& info) {
  const Napi::Object in = requestOf(info);
  Sealed sealed{bytesOf<Bytes>(in, "storageKeyName"), bytesOf<Bytes>(in, "publicPart"), bytesOf<Bytes>(in, "privatePart")};
  auto request = share(
      UnsealRequest{textOf(in, "tcti"), std::move(sealed), pcrsOf(in), bytesOf<SecureBytes>(in, "auth")});
  return startJob(info.Env(), info[1].As<Napi::Function>(), [request]() -> Deliver {
    return [secret = share(unseal(*request))](Napi::Env env) { return toBuffer(env, *secret); };
  });
}

Napi::Value pcrReadCall(const Napi::CallbackInfo& info) {
  const Napi::Object in = requestOf(info);
  return startJob(info.Env(), info[1].As<Napi::Function>(), [tcti = textOf(in, "tcti"), pcrs = pcrsOf(in)]() -> Deliver {
    return [values = readPcrs(tcti, pcrs)](Napi::Env env) -> Napi::Value {
      Napi::Array out = Napi::Array::New(env);
      for (const auto& [index, value] : values) {
        Napi::Object entry = Napi::Object::New(env);
        entry["index"] = Napi::Number::New(env, index);
        entry["value"] = toBuffer(env, value);
        out[out.Length()] = entry;
      }
      return out;
    };
  });
}

Napi::Value infoCall(const Napi::CallbackInfo& info) {
  const Napi::Object in = requestOf(info);
  return startJob(info.Env(), info[1].As<Napi::Function>(), [tcti = textOf(in, "tcti")]() -> Deliver {
    return [read = readInfo(tcti)](Napi::Env env) -> Napi::Value {
      Napi::Array properties = Napi::Array::New(env);
      for (const auto& [property, value] : read.properties) {
        Napi::Array pair = Napi::Array::New(env, 2);
        pair[0u] = Napi::Number::New(env, property);
        pair[1u] = Napi::Number::New(env, value);
        properties[properties.Length()] = pair;
      }
      Napi::Array banks = Napi::Array::New(env);
      for (uint16_t bank : read.banks) banks[banks.Length()] = Napi::Number::New(env, bank);
      Napi::Object out = Napi::Object::New(env);
      out["properties"] = properties;
      out["banks"] = banks;
      return out;
    };
  });
}

void endCall(const Napi::CallbackInfo& info) {
  endTurns(std::chrono::milliseconds(info[0].ToNumber().Uint32Value()));
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports["seal"] = Napi::Function::New(env, sealCall, "seal");
  exports["unseal"] = Napi::Function::New(env, unsealCall, "unseal");
  exports["pcrRead"] = Napi::Function::New(env, pcrReadCall, "pcrRead");
  exports["info"] = Napi::Function::New(env, infoCall, "info");
  exports["end"] = Napi::Function::New(env, endCall, "end");
  return exports;
}

}  // namespace

}  // namespace tpm2

static Napi::Object initModule(Napi::Env env, Napi::Object exports) { return tpm2::init(env, exports); }

NODE_API_MODULE(tpm2_tss, initModule)
