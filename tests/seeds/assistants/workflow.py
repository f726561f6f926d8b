class ExcelAnalysisAssistant:
    def __init__(self, client):
        self.client = client
        self.assistant = self._create_assistant()
    
    def _create_assistant(self):
        return self.client.beta.assistants.create(
            name="Advanced Excel Analyst",
            instructions="""You are an Excel analysis expert. For each file:
            1. Load and examine the structure
            2. Identify data types and relationships
            3. Perform statistical analysis
            4. Create appropriate visualizations
            5. Generate insights and recommendations
            """,
            tools=[{"type": "code_interpreter"}],
            model="gpt-4-1106-preview"
        )
    
    async def analyze_excel(self, file_path, analysis_type="comprehensive"):
        # Upload file
        with open(file_path, 'rb') as f:
            file = self.client.files.create(file=f, purpose='assistants')
        
        # Create thread with specific instructions
        thread = self.client.beta.threads.create()
        
        # Add message with analysis request
        message = self.client.beta.threads.messages.create(
            thread_id=thread.id,
            role="user",
            content=f"Perform {analysis_type} analysis on this Excel file",
            file_ids=[file.id]
        )
        
        # Run analysis
        run = self.client.beta.threads.runs.create(
            thread_id=thread.id,
            assistant_id=self.assistant.id
        )
        
        # Return thread for monitoring
        return thread, run
