def extract_analysis_results(client, thread_id):
    """Extract structured data from Code Interpreter results"""
    messages = client.beta.threads.messages.list(thread_id=thread_id)
    
    results = {
        'summaries': [],
        'visualizations': [],
        'insights': [],
        'code_blocks': []
    }
    
    for message in messages.data:
        if message.role == 'assistant':
            # Extract text insights
            for content in message.content:
                if content.type == 'text':
                    text = content.text.value
                    if 'insight:' in text.lower():
                        results['insights'].append(text)
                    elif 'summary:' in text.lower():
                        results['summaries'].append(text)
                elif content.type == 'image_file':
                    # Download visualization
                    file_id = content.image_file.file_id
                    results['visualizations'].append(file_id)
    
    return results
