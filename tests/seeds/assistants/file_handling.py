# Upload Excel file
file = client.files.create(
    file=open("sales_data.xlsx", "rb"),
    purpose='assistants'
)

# Create thread with file
thread = client.beta.threads.create(
    messages=[
        {
            "role": "user",
            "content": "Analyze this Excel file and create a summary report",
            "file_ids": [file.id]
        }
    ]
)
