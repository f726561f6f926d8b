from litellm import list_container_files, retrieve_container_file_content

# List files in container (container_id from response)
files = list_container_files(
    container_id="cntr_abc123...",
    custom_llm_provider="openai"
)

# Download file content
for file in files.data:
    content = retrieve_container_file_content(
        container_id="cntr_abc123...",
        file_id=file.id,
        custom_llm_provider="openai"
    )
    
    with open(file.filename, "wb") as f:
        f.write(content)
