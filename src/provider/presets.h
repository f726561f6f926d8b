/* presets.h - the providers that are known without a config file: one row each, in the order in which they
 * are tried when nobody names one. The config's own stand between the last with a key and the local ones. */
#pragma once
#include "provider/internal.h"

struct preset {
    const char *name;
    enum provider_wire wire;
    enum provider_kind kind;
    enum provider_auth auth;
    const char *base_url;
    const char *key_variables[2]; /* the first is named when it is missing; NULL: it takes no key */
    const char *base_variables[2]; /* in place of base_url */
    const char *default_model;     /* or "" */
    const char *max_tokens_field;
    bool images; /* a model that nobody knows sees images */
    bool local;
    const char *extra; /* JSON: fields that it refuses, or wants */
};

/* clang-format off */
static const struct preset presets[] = {
    {"openai", PROVIDER_CHAT, KIND_OTHER, AUTH_BEARER, "https://api.openai.com/v1",
        {"OPENAI_API_KEY"}, {"OPENAI_BASE_URL", "OPENAI_API_BASE"}, "", "max_completion_tokens", true, false, NULL},
    {"azure", PROVIDER_CHAT, KIND_OTHER, AUTH_API_KEY, "",
        {"AZURE_OPENAI_API_KEY", "AZURE_API_KEY"}, {"AZURE_API_BASE", "AZURE_OPENAI_ENDPOINT"}, "",
        "max_completion_tokens", true, false, NULL},
    {"anthropic", PROVIDER_ANTHROPIC, KIND_OTHER, AUTH_X_API_KEY, "https://api.anthropic.com",
        {"ANTHROPIC_API_KEY"}, {"ANTHROPIC_BASE_URL"}, "", "max_tokens", true, false, NULL},
    /* refuses fields it does not know */
    {"gemini", PROVIDER_CHAT, KIND_OTHER, AUTH_BEARER, "https://generativelanguage.googleapis.com/v1beta/openai",
        {"GEMINI_API_KEY", "GOOGLE_API_KEY"}, {NULL}, "gemini-2.5-flash", "max_tokens", true, false,
        "{\"parallel_tool_calls\": null}"},
    {"openrouter", PROVIDER_CHAT, KIND_OTHER, AUTH_BEARER, "https://openrouter.ai/api/v1",
        {"OPENROUTER_API_KEY"}, {NULL}, "openrouter/auto", "max_tokens", false, false, NULL},
    {"ollama", PROVIDER_CHAT, KIND_OLLAMA, AUTH_BEARER, "http://127.0.0.1:11434/v1",
        {NULL}, {"OLLAMA_HOST"}, "", "max_tokens", false, true, NULL},
    {"llama.cpp", PROVIDER_CHAT, KIND_LLAMA_CPP, AUTH_BEARER, "http://127.0.0.1:8080/v1",
        {NULL}, {NULL}, "", "max_tokens", false, true, NULL},
    {"offline", PROVIDER_OFFLINE, KIND_OTHER, AUTH_BEARER, "", {NULL}, {NULL}, "offline", "", false, true, NULL},
};
/* clang-format on */
enum { PRESETS = sizeof(presets) / sizeof(presets[0]), PRESETS_KEYED = 5 };
